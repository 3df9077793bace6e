# What pave calls the engine is not what AWS calls it: this is the one place that knows
# both.
locals {
  offered = "postgresql"
  engine  = "postgres"
  port    = 5432
  logs    = ["postgresql", "upgrade"]
  scheme  = "postgres"
  query   = "?sslmode=require"
  # How the engine is told to refuse connections that are not encrypted.
  family    = "postgres${split(".", var.engine_version)[0]}"
  encrypted = { name = "rds.force_ssl", value = "1" }
}
