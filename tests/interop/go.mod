module llmkeys.dev/tests/interop

go 1.26.0
