locals {
  # E5 of the standards: what a size is at AWS.
  sizes = {
    small  = "db.t3.medium"
    medium = "db.r6g.large"
    large  = "db.r6g.xlarge"
  }

  identifier = substr(replace(var.name, "_", "-"), 0, 63)
  database   = substr(replace(var.name, "-", "_"), 0, 63)
  tags       = merge(var.tags, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment })

  # Nothing is deleted before an admin has named the service.
  deletable = contains(var.deletable, var.service)
}

# 32 letters and digits: no character that an address would have to escape.
resource "random_password" "this" {
  length  = 32
  special = false
}

resource "aws_db_subnet_group" "this" {
  name       = local.identifier
  subnet_ids = var.subnet_ids
  tags       = local.tags
}

resource "aws_security_group" "this" {
  name        = "${local.identifier}-db"
  description = "who may connect to the database ${local.identifier}"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = toset(var.allowed_cidrs)

  security_group_id = aws_security_group.this.id
  description       = "${local.engine} from the private network"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.port
  to_port           = local.port
  tags              = local.tags
}

# Nobody connects in the clear.
resource "aws_db_parameter_group" "this" {
  name_prefix = "${trimsuffix(substr(local.identifier, 0, 200), "-")}-"
  family      = local.family
  tags        = local.tags

  parameter {
    name  = local.encrypted.name
    value = local.encrypted.value
  }

  lifecycle {
    create_before_destroy = true
  }
}

# What has no input here cannot be left out: not public, encrypted, in two zones, backed
# up, and not deleted by mistake. It goes first: while AWS refuses, it stays reachable.
resource "aws_db_instance" "this" {
  identifier     = local.identifier
  engine         = local.engine
  engine_version = var.engine_version
  instance_class = local.sizes[var.size]

  db_name  = local.database
  username = "app"
  password = random_password.this.result
  port     = local.port

  storage_type          = "gp3"
  allocated_storage     = var.storage_gb
  max_allocated_storage = var.storage_gb * 5
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = true
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]

  backup_retention_period   = var.backup_days
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = !local.deletable
  skip_final_snapshot       = false
  final_snapshot_identifier = "${local.identifier}-final-${substr(sha256(var.pave_id), 0, 8)}"

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = local.logs

  tags = local.tags

  depends_on = [aws_vpc_security_group_ingress_rule.this]
}
