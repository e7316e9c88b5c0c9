"""The commands, one file a group; `cli` gathers them. They parse, call and print, and hold no logic."""
