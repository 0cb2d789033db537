#!/bin/sh
# shellcheck disable=SC1091,SC2086 # settings are made at run time; options in them are lists of words
# What happens on the registrar's laptop: a sandbox tenant, the companion, and the person in the browser.
# Lines in capitals are for the script outside; it answers PERSON-ASKS with account, label and PIN.

stty -echo 2>/dev/null
. ./settings

tenant() {
    ./glasskey sandbox serve --listen 127.0.0.1:8080 $USERS --token-file token --log sandbox.log >sandbox.json 2>sandbox.err &
    for _ in $(seq 150); do
        [ -s sandbox.json ] && return
        sleep 0.2
    done
    echo "the sandbox tenant does not start:" && cat sandbox.err
    exit 1
}

stick() {
    for _ in $(seq 100); do
        [ -b /dev/sda1 ] && break
        sleep 0.2
    done
    mount -t vfat -o ro /dev/sda1 /mnt && cp /mnt/ceremony-*/manifest.age manifest.age && umount /mnt
}

person() {
    echo "PERSON-ASKS"
    read -r account label pin
    printf '%s\n' "$pin" | "$PYTHON" "$PERSON" register --base http://127.0.0.1:8080 --upn "$account" \
        --display-name "$label" --tap-file pass
    echo "PERSON-DONE $?"
}

stick || { echo "the stick cannot be read" && exit 1; }
tenant
(
    ./glasskey companion register manifest.age --identity identity.txt --station-fingerprint-file fingerprint.txt \
        --graph http://127.0.0.1:8080 --token-file token --report report.json --tap-file pass \
        --poll-seconds 1 --audit-seconds 20 --yes $REGISTER </dev/null 2>&1
    echo $? >status
) &
while [ ! -s status ]; do
    if [ -s pass ] && [ ! -e person-is-busy ]; then
        touch person-is-busy
        person
    elif [ ! -e pass ]; then
        rm -f person-is-busy
    fi
    sleep 0.2
done
"$PYTHON" ./tenant.py >tenant.json
exit "$(cat status)"
