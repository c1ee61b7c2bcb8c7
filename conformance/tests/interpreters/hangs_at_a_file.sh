#!/bin/sh
echo '{"too-old": null}'
exec tail -f /dev/null
