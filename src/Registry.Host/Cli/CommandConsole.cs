using System.CommandLine;

namespace Registry.Host.Cli;

/// <summary>Where a command reads and writes, and whether people sit there.</summary>
internal sealed class CommandConsole : InvocationConfiguration
{
    /// <param name="output">Standard output; null for the process's own.</param>
    /// <param name="error">Standard error; null for the process's own.</param>
    /// <param name="input">Standard input; null for the process's own.</param>
    public CommandConsole(TextWriter? output, TextWriter? error, TextReader? input)
    {
        Output = output ?? Console.Out;
        Error = error ?? Console.Error;
        Input = input ?? Console.In;
        IsOutputTerminal = output is null && !Console.IsOutputRedirected;
        IsErrorTerminal = error is null && !Console.IsErrorRedirected;
        // A reader that is given stands for somebody who answers.
        CanAsk = input is not null || !Console.IsInputRedirected && IsErrorTerminal;
        EnableDefaultExceptionHandler = false;
        ProcessTerminationTimeout = null;
    }

    /// <summary>That of a command's result.</summary>
    public static CommandConsole Of(ParseResult result) => (CommandConsole)result.InvocationConfiguration;

    public TextReader Input { get; }

    /// <summary>Whether what is written is seen on a terminal rather than read by a program.</summary>
    public bool IsOutputTerminal { get; }

    /// <summary>The same for standard error.</summary>
    public bool IsErrorTerminal { get; }

    /// <summary>Whether somebody can be asked.</summary>
    public bool CanAsk { get; }

    /// <summary>Asks for a yes; anything else is a no.</summary>
    public async Task<bool> ConfirmAsync(string question, CancellationToken cancellationToken)
    {
        await Error.WriteAsync($"{question} [y/N] ");
        await Error.FlushAsync(cancellationToken);
        // A console reads on the thread that asks it, whatever the method is called, and would keep Ctrl-C waiting.
        var answer = await Task.Run(Input.ReadLine, cancellationToken).WaitAsync(cancellationToken);
        return answer?.Trim() is "y" or "Y" or "yes";
    }
}
