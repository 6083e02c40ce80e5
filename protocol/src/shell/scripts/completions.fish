# Completes @BINARY@ in fish.
set -l table '@TABLE@'
set -l verbs
set -l plain
set -l bound
for line in (string split \n -- $table)
    set -l part (string split \t -- $line)
    test $part[1] = . && set -a verbs $part[2]
    test $part[1] = . -a $part[3] = - && set -a plain $part[2]
    test $part[1] = + && set -a bound $part[2]
end
complete -c @BINARY@ -f
complete -c @BINARY@ -s h -l help -d 'Print help'
for line in (string split \n -- $table)
    set -l part (string split \t -- $line)
    set -l when "__fish_seen_subcommand_from $part[1]"
    test $part[1] = . && set when "not __fish_seen_subcommand_from $verbs"
    test $part[1] = '*' && set when "not __fish_seen_subcommand_from $plain"
    # These flags cannot be used with a profile, and no profile with them.
    test $part[2] = --profile && set when "$when; and not string match -qr -- '^("(string join '|' -- $bound)")(=|\$)' (commandline -opc)"
    test $part[1] = + && set when "not __fish_seen_subcommand_from $plain; and not string match -qr -- '^--profile(=|\$)' (commandline -opc)"
    set -l what -a $part[3]
    if test $part[1] = .
        set what -a $part[2]
    else if test $part[2] != .
        set what -l (string sub -s 3 -- $part[2])
        switch $part[3]
            case -
            case '<file>'
                set -a what -r -F
            case '<profile>'
                # A profile without a slash is a name.
                set -a what -x -a '(set -l word (string replace -r "^--profile=" "" -- (commandline -ct)); string match -q "*/*" -- $word; and __fish_complete_path $word) (string replace -fr "^(.*)\.toml\$" "\$1" (command ls ~/.config/secretref/ 2>/dev/null))'
            case '<*'
                set -a what -x
            case '*'
                set -a what -x -a $part[3]
        end
    end
    complete -c @BINARY@ -n $when $what -d $part[4]
end
