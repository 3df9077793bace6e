package workflow_test

func childExecutor(string) int { return 2 }
