# Everything of kdumpctl but main.c; kdump (for the configuration) and the unit tests link it too.
SERVICE_SRCS = \
	service/conf.c \
	service/conf_check.c \
	service/conf_sysconfig.c \
	service/conf_values.c
