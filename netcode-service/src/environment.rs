//! Options from the environment.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command};

/// Sentence below the help of each command with options.
const NOTE: &str = "\
An option can also stand in the environment: --log-format as NETCODE_LOG_FORMAT, several values \
separated by commas, a switch as true or false.";

/// Reads every option of a command and its subcommands from the environment too, unless it names a
/// variable already: `--max-clients` from `NETCODE_MAX_CLIENTS`. The command line has precedence.
/// The help says so in one sentence.
pub fn with_environment(mut command: Command) -> Command {
    if command.get_arguments().any(is_option) {
        let text = match command.get_after_help() {
            Some(text) => format!("{text}\n\n{NOTE}"),
            None => NOTE.to_owned(),
        };
        command = command.after_help(text);
    }
    command
        .mut_args(|arg| {
            if is_option(&arg) {
                from_variable(arg)
            } else {
                arg
            }
        })
        .mut_subcommands(with_environment)
}

fn is_option(arg: &Arg) -> bool {
    let values = matches!(
        arg.get_action(),
        ArgAction::Set | ArgAction::Append | ArgAction::SetTrue
    );
    values && arg.get_long().is_some() && !arg.is_global_set()
}

fn from_variable(arg: Arg) -> Arg {
    let arg = match arg.get_action() {
        ArgAction::Append => arg.value_delimiter(','),
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    };
    match (arg.get_env(), arg.get_long()) {
        (None, Some(long)) => {
            let variable = format!("NETCODE_{}", long.replace('-', "_").to_uppercase());
            arg.env(variable).hide_env(true)
        }
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let list = Arg::new("list").long("list").action(ArgAction::Append);
        let switch = Arg::new("switch")
            .long("on-or-off")
            .action(ArgAction::SetTrue);
        let named = Arg::new("named").long("named").env("OTHER");
        let run = Command::new("run").args([list, switch, named]);
        with_environment(Command::new("program").subcommand(run))
    }

    #[test]
    fn every_option_has_a_variable_named_after_it_unless_it_names_its_own() {
        let program = program();
        let run = program.find_subcommand("run").unwrap();
        let variable = |name: &str| {
            let arg = run.get_arguments().find(|arg| arg.get_id() == name);
            arg.unwrap().get_env().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(variable("list"), "NETCODE_LIST");
        assert_eq!(variable("switch"), "NETCODE_ON_OR_OFF");
        assert_eq!(variable("named"), "OTHER");
    }

    #[test]
    fn the_help_says_so_in_one_sentence_and_not_at_each_option() {
        let mut program = program();
        let run = program.find_subcommand_mut("run").unwrap();
        let help = run.render_long_help().to_string();
        assert_eq!(help.matches("NETCODE_").count(), 1, "{help}");
    }
}
