#!/bin/sh
# Make configure from configure.ac.
set -e
cd "$(dirname "$0")"
mkdir -p build-aux
for file in config.guess config.sub; do
	cp /usr/share/autoconf/build-aux/$file build-aux/$file
done
cp /usr/share/autoconf/build-aux/install-sh build-aux/install-sh
autoconf
autoheader
