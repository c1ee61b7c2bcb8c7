#!/bin/sh
echo '{"too-old": null}'
echo '{"findings": [{"rule": "syntax", "message": "found", "place": 1, "spot": null, "hint": null}]}'
echo 'no memory' >&2
exit 3
