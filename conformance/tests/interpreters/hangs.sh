#!/bin/sh
exec tail -f /dev/null
