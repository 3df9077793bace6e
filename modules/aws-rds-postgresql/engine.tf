# What pave calls the engine is not what AWS calls it: this is the one place that knows
# both.
locals {
  offered = "postgresql"
  engine  = "postgres"
  port    = 5432
  logs    = ["postgresql", "upgrade"]
  scheme  = "postgres"
  query   = "?sslmode=require"
}
