using Registry.Host.Api;
using Spectre.Console;

namespace Registry.Host.Cli;

/// <summary>Tables for people: as wide as the terminal, or as wide as they need to be where a program or a file gets them.</summary>
internal static class Tables
{
    private const int Unbounded = 4096;
    private const int LeastLastColumn = 24;

    /// <summary>A table with these columns and no lines; the last one may wrap.</summary>
    public static Table Of(params string[] columns)
    {
        var table = new Table().NoBorder().NoSafeBorder();
        for (var i = 0; i < columns.Length; i++)
            table.AddColumn(new TableColumn(new Text(columns[i])) { NoWrap = i < columns.Length - 1, Padding = new(0, 0, 2, 0) });
        return table;
    }

    /// <summary>Adds a row of plain texts; what peers and callers sent may be among them.</summary>
    public static Table With(this Table table, params string?[] cells) => table.AddRow(cells.Select(cell => new Text(string.IsNullOrEmpty(cell) ? "-" : PlainText.Of(cell))));

    public static async Task WriteAsync(this Table table, CommandConsole to)
    {
        if (!to.IsOutputTerminal)
        {
            foreach (var line in Lines(table))
                await to.Output.WriteLineAsync(line);
            return;
        }

        // The last column takes what room there is; the others are never cut.
        var least = Lines(table)[0].LastIndexOf("  ", StringComparison.Ordinal) + LeastLastColumn;
        var lines = Render(table, Math.Clamp(Console.WindowWidth, least, Unbounded));
        await to.Output.WriteLineAsync(Bold(lines[0]));
        foreach (var line in lines.Skip(1))
            await to.Output.WriteLineAsync(line);
    }

    /// <summary>The table as lines as long as they need to be, the first of them the titles.</summary>
    public static string[] Lines(Table table) => Render(table, Unbounded);

    /// <summary>A line of titles for a terminal.</summary>
    public static string Bold(string titles) => $"\e[1m{titles}\e[0m";

    /// <summary>What a conversation carries, where it leads and where the gateway listens for it first, as the page says it.</summary>
    public static string Carried(TubeConversationBody conversation) =>
        $"{conversation.Type}{(conversation.Target is { } target ? $" to {target}" : "")}{(conversation.LocalListenAddress is { } listen ? $" from {listen}" : "")} ({conversation.ConversationId})";

    private static string[] Render(Table table, int width)
    {
        var text = new StringWriter();
        // Without styles nothing but text is written; a console that knows no control sequences would set the colours of the process's own.
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = width;
        console.Write(table);
        return [.. text.ToString().Split('\n').SkipLast(1).Select(line => line.TrimEnd())];
    }
}
