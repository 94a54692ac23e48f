#!/usr/bin/env bash
# A real Slurm cluster of one node on this machine, for tests: cluster.sh start|stop FOLDER [accounting]
# Needs root, and installs missing Debian packages. Jobs read Slurm's configuration from /etc/slurm only, so the script
# does not touch a machine with its own cluster. Exits with 77 if the machine cannot run a test cluster.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
action=$1 folder=$2 accounting=${3:-}

refuse() { echo "no test cluster: $1" >&2; exit 77; }

process() { cat "$1/$2.pid" 2> /dev/null; }

running() { readlink -e "/proc/$(process "$1" "$2")/exe" > /dev/null; } # false for a zombie process

gone() { ! running "$@"; }

wait_for() {
    for _ in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.2; done
    echo "waited a minute in vain for: $*" >&2
    exit 1
}

install_packages() {
    local wanted=(slurmctld slurmd slurm-client munge)
    [ -z "$accounting" ] || wanted+=(slurmdbd mariadb-server)
    dpkg -s "${wanted[@]}" > /dev/null 2>&1 && return
    command -v apt-get > /dev/null || refuse "install ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${wanted[@]}"; } > "$folder/apt.log" 2>&1 ||
        refuse "apt-get could not install ${wanted[*]}: $(tail -n 3 "$folder/apt.log")"
}

# Replace a configuration only if its test cluster no longer exists.
check_configuration() {
    [ -e /etc/slurm/slurm.conf ] || return 0
    local owner
    owner=$(sed -n '1s/^# emospace test cluster in \(.*\): .*/\1/p' /etc/slurm/slurm.conf)
    [ -n "$owner" ] || refuse "/etc/slurm/slurm.conf is that of another cluster"
    ! running "$owner" slurmctld || refuse "one is running in $owner"
}

write_configuration() {
    sed "s|FOLDER|$folder|; s|STORAGE|$1|" "$here/slurm.conf" > /etc/slurm/slurm.conf
    echo "NodeName=localhost Name=gpu File=$folder/gpu[0-1]" > /etc/slurm/gres.conf
    echo "CgroupPlugin=cgroup/v1" > /etc/slurm/cgroup.conf
    mknod "$folder/gpu0" c 1 3 && mknod "$folder/gpu1" c 1 3 # character devices, for Slurm to count
    printf '#!/bin/sh\necho "$SLURM_JOB_ID ${CUDA_VISIBLE_DEVICES:-none}" >> "%s/gpus"\n' "$folder" > "$folder/prolog.sh"
    chmod +x "$folder/prolog.sh"
}

start_munge() {
    head -c 1024 /dev/urandom > "$folder/munge.key"
    chmod 400 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
}

start_accounting() {
    local mysql=(--no-defaults --user=root --datadir="$folder/mysql")
    mysql_install_db "${mysql[@]}" --auth-root-authentication-method=socket --skip-test-db > "$folder/mysql.log" 2>&1
    setsid mariadbd "${mysql[@]}" --skip-networking --skip-grant-tables --socket="$folder/mysql/socket" \
        --pid-file="$folder/mysql/pid" >> "$folder/mysql.log" 2>&1 &
    echo $! > "$folder/mariadbd.pid"
    wait_for test -S "$folder/mysql/socket"
    sed "s|FOLDER|$folder|" "$here/slurmdbd.conf" > /etc/slurm/slurmdbd.conf
    chmod 600 /etc/slurm/slurmdbd.conf
    MYSQL_UNIX_PORT="$folder/mysql/socket" slurmdbd < /dev/null > /dev/null 2>&1 # otherwise it keeps our streams open
    wait_for sacctmgr --noheader --immediate list cluster
    sacctmgr --immediate add cluster test > /dev/null
    sacctmgr --immediate add account lab cluster=test > /dev/null
    sacctmgr --immediate add user "$(id -un)" account=lab > /dev/null
}

start() {
    [ "$(id -u)" = 0 ] || refuse "only root can start one"
    mkdir -p "$folder"/{state,spool}
    install_packages
    check_configuration
    write_configuration "$([ -z "$accounting" ] && echo none || echo slurmdbd)"
    start_munge
    [ -z "$accounting" ] || start_accounting
    slurmctld
    slurmd -N localhost
    wait_for sh -c 'sinfo --noheader --format=%t | grep -qx idle'
}

# Daemons are identified by the process ids that they wrote into the folder.
stop() {
    for name in slurmd slurmctld slurmdbd mariadbd munged; do
        running "$folder" $name || continue
        kill "$(process "$folder" $name)"
        wait_for gone "$folder" $name
    done
    ! grep -qsF "# emospace test cluster in $folder:" /etc/slurm/slurm.conf ||
        rm -f /etc/slurm/{slurm,gres,cgroup,slurmdbd}.conf
}

"$action"
