# gameday: tells the recorder around this terminal what is run here, and how it ends. Without a recorder it does nothing.
# For bash 4.4 or newer; at the end of ~/.bashrc.
if [[ $- == *i* && -n ${LC_GAMEDAY-} && -z ${__gameday_nonce-} ]]; then
    __gameday_nonce=$LC_GAMEDAY
    # What is started from here is not to know it.
    unset LC_GAMEDAY
    # The history has to hold each line until its prompt comes back; then what would not have been kept is removed.
    __gameday_control=:${HISTCONTROL-}: __gameday_ignore=${HISTIGNORE-}
    HISTCONTROL=${HISTCONTROL//ignoreboth/ignoredups}
    HISTCONTROL=${HISTCONTROL//ignorespace/}
    unset HISTIGNORE
    shopt -s promptvars

    __gameday_mark() {
        builtin printf '\e]7475;%s;%s\a' "$__gameday_nonce" "$1"
    }

    # The newest line of the history, after its number.
    __gameday_line() {
        local entry
        entry=$(HISTTIMEFORMAT='' builtin history 1)
        builtin printf '%s' "${entry#*[0-9][* ] }"
    }

    __gameday_begins() {
        local line
        [[ -o history ]] || return 0
        line=$(__gameday_line)
        line=${line:0:4000}
        line=${line//%/%25}
        line=${line//$'\n'/%0a}
        __gameday_mark "C;${line//[[:cntrl:]]/ }"
    }

    # Removes the newest line from the history if the user's own settings would not have kept it.
    __gameday_tidy() {
        local line pattern IFS=:
        local -
        set -f
        [[ -o history ]] || return 0
        line=$(__gameday_line)
        if [[ $line == ' '* && $__gameday_control == *:ignore@(space|both):* ]]; then
            builtin history -d -1
            return 0
        fi
        for pattern in $__gameday_ignore; do
            # shellcheck disable=SC2053
            if [[ $pattern != '&' && -n $line && $line == $pattern ]]; then
                builtin history -d -1
                return 0
            fi
        done
    }

    __gameday_prompt() {
        local exit=$?
        __gameday_mark "P;$exit"
        __gameday_tidy
        return "$exit"
    }

    # The last line has no prompt after it.
    [[ -n $(trap -p EXIT) ]] || trap __gameday_tidy EXIT
    PS0="${PS0-}"'$(__gameday_begins)'
    PROMPT_COMMAND="__gameday_prompt${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
fi
