//! Options from the environment.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command};

/// Reads every option of a command and its subcommands from the environment too, unless it names a
/// variable already: `--max-clients` from `NETCODE_MAX_CLIENTS`. The command line has precedence.
/// The help says so in one sentence.
pub fn with_environment(command: Command) -> Command {
    with_environment_of("NETCODE", command)
}

/// The same with variables that begin with `prefix`, for a program whose options would be taken for
/// those of another: `--allow` from `NETCODE_BRIDGE_ALLOW`.
pub fn with_environment_of(prefix: &str, mut command: Command) -> Command {
    if let Some(note) = note(prefix, &command) {
        let text = match command.get_after_help() {
            Some(text) => format!("{text}\n\n{note}"),
            None => note,
        };
        command = command.after_help(text);
    }
    command
        .mut_args(|arg| {
            if is_option(&arg) {
                from_variable(prefix, arg)
            } else {
                arg
            }
        })
        .mut_subcommands(|subcommand| with_environment_of(prefix, subcommand))
}

/// Sentence below the help of a command with options, about one of them.
fn note(prefix: &str, command: &Command) -> Option<String> {
    let options = || command.get_arguments().filter(|arg| is_option(arg));
    let own = options().find(|arg| arg.get_env().is_none());
    let example = own.or_else(|| options().next())?;
    let long = example.get_long()?;
    let variable = match example.get_env() {
        Some(variable) => variable.to_string_lossy().into_owned(),
        None => variable(prefix, long),
    };
    Some(format!(
        "An option can also stand in the environment: --{long} as {variable}, several values \
         separated by commas, a switch as true or false."
    ))
}

fn variable(prefix: &str, long: &str) -> String {
    format!("{prefix}_{}", long.replace('-', "_").to_uppercase())
}

fn is_option(arg: &Arg) -> bool {
    let values = matches!(
        arg.get_action(),
        ArgAction::Set | ArgAction::Append | ArgAction::SetTrue
    );
    values && arg.get_long().is_some() && !arg.is_global_set()
}

fn from_variable(prefix: &str, arg: Arg) -> Arg {
    let arg = match arg.get_action() {
        ArgAction::Append => arg.value_delimiter(','),
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    };
    match (arg.get_env(), arg.get_long()) {
        (None, Some(long)) => {
            let variable = variable(prefix, long);
            arg.env(variable).hide_env(true)
        }
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(prefix: &str) -> Command {
        let list = Arg::new("list").long("list").action(ArgAction::Append);
        let switch = Arg::new("switch")
            .long("on-or-off")
            .action(ArgAction::SetTrue);
        let named = Arg::new("named").long("named").env("OTHER");
        let run = Command::new("run").args([list, switch, named]);
        with_environment_of(prefix, Command::new("program").subcommand(run))
    }

    #[test]
    fn every_option_has_a_variable_named_after_it_unless_it_names_its_own() {
        for (prefix, list) in [
            ("NETCODE", "NETCODE_LIST"),
            ("NETCODE_BRIDGE", "NETCODE_BRIDGE_LIST"),
        ] {
            let program = program(prefix);
            let run = program.find_subcommand("run").unwrap();
            let variable = |name: &str| {
                let arg = run.get_arguments().find(|arg| arg.get_id() == name);
                arg.unwrap().get_env().unwrap().to_str().unwrap().to_owned()
            };
            assert_eq!(variable("list"), list);
            assert_eq!(variable("switch"), format!("{prefix}_ON_OR_OFF"));
            assert_eq!(variable("named"), "OTHER");
        }
    }

    #[test]
    fn the_help_says_so_in_one_sentence_and_not_at_each_option() {
        let mut program = program("NETCODE_BRIDGE");
        let run = program.find_subcommand_mut("run").unwrap();
        let help = run.render_long_help().to_string();
        assert_eq!(help.matches("NETCODE_").count(), 1, "{help}");
        assert!(help.contains("--list as NETCODE_BRIDGE_LIST"), "{help}");
    }
}
