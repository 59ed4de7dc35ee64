"""The kernel: database and scope, permissions, plugins, events and tasks, audit. It knows no room."""
