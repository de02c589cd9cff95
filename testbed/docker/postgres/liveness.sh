#!/bin/bash
# Alive when ready: this image has no long first start that would have to be waited for.
exec /ready.sh
