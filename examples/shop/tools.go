package shop

//go:generate go tool bailiwick generate
