# Everything of kdump but main.c; the unit tests link it too.
KDUMP_SRCS =
