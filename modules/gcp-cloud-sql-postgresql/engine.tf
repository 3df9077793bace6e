# What pave calls the engine is not what Google calls it: this is the one place that knows
# both.
locals {
  offered = "postgresql"
  versions = {
    "15" = "POSTGRES_15"
    "16" = "POSTGRES_16"
    "17" = "POSTGRES_17"
  }
  port          = 5432
  scheme        = "postgres"
  query         = "?sslmode=require"
  point_in_time = true
  binary_log    = null
}
