"""The Prefect flow that runs the stages of dvc.yaml."""
