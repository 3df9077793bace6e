locals {
  sizes = {
    small  = "cache.t3.medium"
    medium = "cache.r6g.large"
    large  = "cache.r6g.xlarge"
  }

  # At AWS a group has a name of at most 40 characters.
  full       = replace(var.name, "_", "-")
  identifier = length(local.full) <= 40 ? local.full : "${trimsuffix(substr(local.full, 0, 31), "-")}-${substr(sha256(var.name), 0, 8)}"
  port       = 6379
  tags       = merge(var.tags, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment })
}

# 32 letters and digits: no character that an address would have to escape.
resource "random_password" "this" {
  length  = 32
  special = false
}

resource "aws_elasticache_subnet_group" "this" {
  name       = local.identifier
  subnet_ids = var.subnet_ids
  tags       = local.tags
}

resource "aws_security_group" "this" {
  name        = "${local.identifier}-cache"
  description = "who may connect to the cache ${local.identifier}"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = toset(var.allowed_cidrs)

  security_group_id = aws_security_group.this.id
  description       = "redis from the private network"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.port
  to_port           = local.port
  tags              = local.tags
}

# What has no input here cannot be left out: encrypted at rest and on its way, with a
# password, in two zones. It goes first: while AWS refuses, it stays reachable.
resource "aws_elasticache_replication_group" "this" {
  replication_group_id = local.identifier
  description          = "cache of ${var.name}"
  engine               = "redis"
  engine_version       = var.engine_version
  node_type            = local.sizes[var.size]
  port                 = local.port

  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true

  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  auth_token                 = random_password.this.result

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.this.id]

  snapshot_retention_limit  = 7
  final_snapshot_identifier = "${local.identifier}-final-${substr(sha256(var.pave_id), 0, 8)}"

  auto_minor_version_upgrade = true
  apply_immediately          = true

  tags = local.tags

  depends_on = [aws_vpc_security_group_ingress_rule.this]
}
