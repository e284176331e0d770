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
            table.AddColumn(new TableColumn(new Text(columns[i], new Style(decoration: Decoration.Bold))) { NoWrap = i < columns.Length - 1, Padding = new(0, 0, 2, 0) });
        return table;
    }

    /// <summary>Adds a row of plain texts; what peers and callers sent may be among them.</summary>
    public static Table With(this Table table, params string?[] cells) => table.AddRow(cells.Select(cell => new Text(Plain(cell))));

    public static async Task WriteAsync(this Table table, CommandConsole to)
    {
        var lines = Lines(table);
        // The last column takes what room there is; the others are never cut.
        var width = to.IsOutputTerminal ? Math.Max(Console.WindowWidth, lines[0].LastIndexOf("  ", StringComparison.Ordinal) + LeastLastColumn) : Unbounded;
        await to.Output.WriteAsync(Render(table, Math.Min(width, Unbounded), to.IsOutputTerminal));
    }

    /// <summary>The table as lines as long as they need to be, the first of them the titles, without control sequences.</summary>
    public static string[] Lines(Table table) => [.. Render(table, Unbounded, isTerminal: false).Split('\n').SkipLast(1).Select(line => line.TrimEnd())];

    private static string Render(Table table, int width, bool isTerminal)
    {
        var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = width;
        console.Write(table);
        return string.Join(Environment.NewLine, text.ToString().Split('\n').Select(line => line.TrimEnd()));
    }

    private static string Plain(string? text) => text is null or "" ? "-" : new([.. text.Where(c => !char.IsControl(c))]);
}
