;; spread(bid, ask): the spread of a quote in basis points of its middle.
;;
;; The plain door: a module that only exports functions of numbers. No SDK, no memory, no manifest; NULL in, NULL out.
;; Waterwheel reads this text as it is; any compiler that can export a function makes the same.
;;
;;   SELECT SPREAD(bid, ask) FROM quotes EMIT CHANGES;
(module
  (func (export "spread") (param $bid f64) (param $ask f64) (result f64)
    ;; 10000 * (ask - bid) / ((ask + bid) / 2)
    (f64.div
      (f64.mul (f64.const 20000) (f64.sub (local.get $ask) (local.get $bid)))
      (f64.add (local.get $ask) (local.get $bid)))))
