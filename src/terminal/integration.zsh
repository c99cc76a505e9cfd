# gameday: tells the recorder around this terminal what is run here, and how it ends. Without a recorder it does nothing.
# At the end of ~/.zshrc.
if [[ -o interactive && -n ${LC_GAMEDAY-} && -z ${__gameday_nonce-} ]]; then
    typeset -g __gameday_nonce=$LC_GAMEDAY
    # What is started from here is not to know it.
    unset LC_GAMEDAY

    __gameday_mark() {
        builtin printf '\e]7475;%s;%s\a' "$__gameday_nonce" "$1"
    }

    __gameday_begins() {
        emulate -L zsh
        [[ -n $1 ]] || return 0
        local line=${1[1,4000]}
        line=${line//\%/%25}
        line=${line//$'\n'/%0a}
        __gameday_mark "C;${line//[[:cntrl:]]/ }"
    }

    __gameday_prompt() {
        local exit=$?
        __gameday_mark "P;$exit"
        return $exit
    }

    typeset -ga preexec_functions precmd_functions
    preexec_functions=(__gameday_begins $preexec_functions)
    precmd_functions=(__gameday_prompt $precmd_functions)
fi
