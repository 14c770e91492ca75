module @NAME@.local

go 1.24

require waterwheel v0.0.0

replace waterwheel => ./sdk
