module waterwheel

go 1.24
