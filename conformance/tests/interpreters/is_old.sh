#!/bin/sh
echo '{"too-old": "3.8"}'
