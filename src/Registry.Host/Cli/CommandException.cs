namespace Registry.Host.Cli;

/// <summary>Ends a command with one line for people and a code for scripts.</summary>
/// <param name="exitCode">The code.</param>
/// <param name="message">What is wrong, naming the option or address, and what to do.</param>
internal class CommandException(ExitCode exitCode, string message) : Exception(message)
{
    public ExitCode ExitCode { get; } = exitCode;

    public static CommandException Usage(string message) => new(ExitCode.Usage, message);
}
