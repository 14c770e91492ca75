;; Functions at the limits of their sandbox, for tests/bench/hostile/run. They do no good and break no rule.
(module
  (memory 1)
  ;; n turns of a loop: for each row as long as one likes
  (func (export "spin") (param $row i64) (param $turns i64) (result i64) (local $i i64)
    (loop $next
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $i) (local.get $turns))))
    (i64.add (local.get $row) (local.get $i)))
  ;; traps at every row
  (func (export "trap") (param $row i64) (result i64) (unreachable))
  ;; takes all memory that it gets, and writes on a page of each 64 KiB for every row
  (func (export "hoard") (param $row i64) (result i64) (local $at i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (loop $next
      (i64.store (local.get $at) (i64.add (local.get $row) (i64.extend_i32_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 65536)))
      (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
    (i64.load (i32.const 0))))
