"""`sceneparse notify URL`: a message to a webhook when a run fails or crashes, or the quality gate stops it.

The command makes a Prefect notification block and an automation, which Prefect's UI can show and change. Calling it
again replaces them.
"""

import os
from pathlib import Path
from typing import Any

from pipeline.flow.environment import prepare_environment
from pipeline.flow.server import api_reached, start_prefect, use_prefect_api
from pipeline.repro.project_root import project_root

NAME = "sceneparse"
SUBJECT = "sceneparse: {{ flow_run.state.name }}"
BODY = "{{ flow_run.name }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url }}"


def notify(url: str) -> None:
    """Make Prefect post {"subject": ..., "text": ...} to `url` after each failed run."""
    os.chdir(project_root(Path.cwd()))  # where run and serve look for records and logs, too
    prepare_environment()
    own = start_prefect()
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.client.orchestration import get_client
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.settings import get_current_settings

    api = use_prefect_api(own)
    content = {"subject": "{{subject}}", "text": "{{body}}"}
    block: Any = CustomWebhookNotificationBlock  # its types omit the arguments with defaults
    with api_reached():
        document = block(name=NAME, url=url, method="POST", json_data=content).save(NAME, overwrite=True)
    automation = AutomationCore(
        name=NAME,
        description="Calls a webhook when a run fails or crashes, or the quality gate stops it",
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut", "BelowGate")},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": NAME},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[SendNotification(block_document_id=document, subject=SUBJECT, body=BODY)],
    )
    with api_reached(), get_client(sync_client=True) as client:
        for earlier in client.read_automations_by_name(NAME):
            client.delete_automation(earlier.id)
        client.create_automation(automation)
    when = "when a run fails or crashes, or the quality gate stops it"
    if not api.log:
        print(f"{api.page} will call {url} {when}")
        return
    home = get_current_settings().home
    print(
        f"A Prefect server with its records in {home} will call {url} {when}: "
        "the server of sceneparse run or serve while that command runs, or a permanent one (prefect server start)"
    )
