package tenant

// SQLWords is for tests of the guard's lexer.
var SQLWords = sqlWords
