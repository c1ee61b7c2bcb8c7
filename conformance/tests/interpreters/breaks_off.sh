#!/bin/sh
echo 'Fatal Python error: no encodings' >&2
exit 1
