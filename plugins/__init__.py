"""The rooms: one for each kind of grassroots work, all furnished alike."""
