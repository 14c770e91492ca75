;; flood(row) gives 1,900 bytes for each row: of 8,192 rows nearly all that one call may give.
(module
  (memory (export "memory") 4)
  (data (i32.const 16) "{\22functions\22:[{\22name\22:\22flood\22,\22kind\22:\22scalar\22,\22args\22:[{\22name\22:\22row\22,\22type\22:\22BIGINT\22}],\22returns\22:\22STRING\22,\22doc\22:\221900 bytes for each row: nearly all that one call may give\22}]}")
  (global $heap (mut i32) (i32.const 131072))
  (global $text (mut i32) (i32.const 0))
  (func (export "ww_abi") (result i32) (i32.const 1))
  (func (export "ww_manifest") (result i64) (i64.const 68719476910))
  (func $alloc (export "ww_alloc") (param $bytes i32) (param $align i32) (result i32) (local $at i32) (local $end i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (local.set $end (i32.add (local.get $at) (local.get $bytes)))
    (loop $more
      (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (then
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (return (i32.const 0))))
        (br $more))))
    (global.set $heap (local.get $end))
    (local.get $at))
  (func (export "ww_free") (param i32 i32 i32))
  (func (export "flood") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
    ;; offsets for 8,193 rows at the begin of the text's block, then the text: 1,900 bytes a row, so that memory has room for it
    (if (i32.eqz (global.get $text)) (then
      (global.set $text (call $alloc (i32.const 15597572) (i32.const 16)))
      (if (i32.eqz (global.get $text)) (then (unreachable)))
      (memory.fill (i32.add (global.get $text) (i32.const 32772)) (i32.const 97) (i32.const 15564800))))
    (loop $next
      (i32.store (i32.add (global.get $text) (i32.shl (local.get $i) (i32.const 2))) (i32.mul (local.get $i) (i32.const 1900)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.le_u (local.get $i) (local.get $rows))))
    (i32.store offset=24 (local.get $out) (global.get $text))
    (i32.store offset=16 (local.get $out) (i32.add (global.get $text) (i32.const 32772)))
    (i32.store offset=20 (local.get $out) (i32.mul (local.get $rows) (i32.const 1900)))
    (i32.const 0)))
