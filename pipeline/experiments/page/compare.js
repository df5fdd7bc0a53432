// A comparison has no scenes under controls: its script draws the charts.
await draw();
