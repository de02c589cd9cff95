module build/tools

go 1.26
