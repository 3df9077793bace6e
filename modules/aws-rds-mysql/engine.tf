# What pave calls the engine is not what AWS calls it: this is the one place that knows
# both.
locals {
  offered = "mysql"
  engine  = "mysql"
  port    = 3306
  logs    = ["error", "slowquery"]
  scheme  = "mysql"
  query   = ""
}
