;; Blocks of every kind, with parameters and several results, and branches between them.
(module
  (type $pair (func (param i32 i64) (result i64 i32)))
  (func $swap (type $pair) (local.get 1) (local.get 0))
  (func (export "sum_to") (param $n i32) (result i64)
    (local $sum i64)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $n))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $sum))
  (func (export "name_of") (param i32) (result i32)
    (block $c (block $b (block $a
      (br_table $a $b $c (local.get 0)))
      (return (i32.const 97)))
      (return (i32.const 98)))
    (i32.const 99))
  (func (export "pair") (param i32 i64) (result i64 i32)
    (local.get 0) (local.get 1)
    (block (type $pair) (call $swap))
    (call $back) (call $swap))
  (func $back (param i64 i32) (result i32 i64) (local.get 1) (local.get 0))
  (func (export "choose") (param i32) (result f64)
    (local.get 0)
    (if (result f64) (then (f64.const 1.5)) (else (f64.const -2.5))))
  (func (export "dead") (result i32)
    (return (i32.const 7)) (drop) (i32.add) (br 0) (select)))
