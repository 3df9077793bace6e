module github.com/pave-platform/pave/tools/tofu

go 1.26.0
