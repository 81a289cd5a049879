# Everything of kdumpctl but main.c; kdump (for the configuration) and the unit tests link it too.
SERVICE_SRCS = \
	service/bootloader.c \
	service/check_config.c \
	service/conf.c \
	service/conf_check.c \
	service/conf_sysconfig.c \
	service/conf_values.c \
	service/crashkernel_value.c \
	service/ctl_common.c \
	service/ctl_fetch.c \
	service/ctl_initramfs.c \
	service/ctl_load.c \
	service/ctl_lock.c \
	service/ctl_machine.c \
	service/ctl_probe.c \
	service/ctl_record.c \
	service/ctl_start.c \
	service/ctl_status.c \
	service/ctl_status_json.c \
	service/ctl_test.c \
	service/ctl_verify.c \
	service/dumps.c \
	service/hostkeys.c \
	service/list.c \
	service/memory.c \
	service/places.c \
	service/propagate.c \
	service/reload.c \
	service/reset.c \
	service/retain.c \
	service/sizing.c \
	service/sizing_read.c
