# Everything of kdumpctl but main.c; kdump (for the configuration) and the unit tests link it too.
SERVICE_SRCS =
