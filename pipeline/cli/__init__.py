"""Every subcommand of `sceneparse`: its flags, its help, its examples, and the function that does its work."""
