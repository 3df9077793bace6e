# What pave calls the engine is not what Google calls it: this is the one place that knows
# both.
locals {
  offered = "mysql"
  versions = {
    "8.0" = "MYSQL_8_0"
    "8.4" = "MYSQL_8_4"
  }
  port          = 3306
  scheme        = "mysql"
  query         = "?ssl-mode=REQUIRED"
  point_in_time = null
  binary_log    = true
}
