# What pave calls the engine is not what AWS calls it: this is the one place that knows
# both.
locals {
  offered = "mysql"
  engine  = "mysql"
  port    = 3306
  logs    = ["error", "slowquery"]
  scheme  = "mysql"
  query   = "?ssl-mode=REQUIRED"
  # How the engine is told to refuse connections that are not encrypted.
  family    = "mysql${join(".", slice(split(".", var.engine_version), 0, 2))}"
  encrypted = { name = "require_secure_transport", value = "ON" }
}
