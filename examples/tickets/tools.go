package tickets

//go:generate go tool bailiwick generate
