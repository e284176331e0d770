using Spectre.Console;

namespace Registry.Host.Cli;

/// <summary>Tables for people: as wide as the terminal, or as wide as they need to be where a program or a file gets them.</summary>
internal static class Tables
{
    private const int Unbounded = 4096;

    /// <summary>A table with these columns and no lines.</summary>
    public static Table Of(params string[] columns)
    {
        var table = new Table().NoBorder().NoSafeBorder();
        foreach (var column in columns)
            table.AddColumn(new TableColumn(new Text(column, new Style(decoration: Decoration.Bold))) { NoWrap = true, Padding = new(0, 0, 2, 0) });
        return table;
    }

    /// <summary>Adds a row of plain texts; what peers and callers sent may be among them.</summary>
    public static Table With(this Table table, params string?[] cells) => table.AddRow(cells.Select(cell => new Text(Plain(cell))));

    public static async Task WriteAsync(this Table table, CommandConsole to) => await to.Output.WriteAsync(Render(table, to.IsOutputTerminal ? Console.WindowWidth : Unbounded, to.IsOutputTerminal));

    /// <summary>The table as lines of text.</summary>
    /// <param name="table">The table.</param>
    /// <param name="width">Columns there are room for.</param>
    /// <param name="isTerminal">Whether it may hold control sequences.</param>
    public static string Render(Table table, int width, bool isTerminal)
    {
        var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = Math.Max(width, 40);
        console.Write(table);
        return string.Join(Environment.NewLine, text.ToString().Split('\n').Select(line => line.TrimEnd()));
    }

    private static string Plain(string? text) => text is null or "" ? "-" : new([.. text.Where(c => !char.IsControl(c))]);
}
