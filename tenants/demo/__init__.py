"""The demonstration: the real 易门县 comes on board, 梅营社区 handles its first case. People are invented."""
