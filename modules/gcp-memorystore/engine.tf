# What pave calls a version is not what Google calls it: this is the one place that knows
# both.
locals {
  offered = "redis"
  versions = {
    "7.0" = "REDIS_7_0"
    "7.2" = "REDIS_7_2"
  }
}
