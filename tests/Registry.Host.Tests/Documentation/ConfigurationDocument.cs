using System.Text;

namespace Registry.Host.Tests.Documentation;

/// <summary>Makes docs/configuration.md of the files in hocon, which say of every setting what it means and what it is when nobody says anything.</summary>
internal sealed class ConfigurationDocument
{
    private readonly List<Section> sections = [];
    private readonly List<string> path = [];
    private List<string> comment = [];

    public static string Make(string hoconFolder)
    {
        var text = new StringBuilder("""
            # Configuration

            Every setting, its default and its meaning. Made from the files in [`hocon`](../hocon), which are the defaults themselves; change those, then run

                REGISTRY_UPDATE_DOCS=1 dotnet test tests/Registry.Host.Tests --filter ConfigurationDocumentTests

            A setting is given in a file (`serve --config FILE.conf`, HOCON: `registry.admission.max-tubes = 500`, or the same nested in braces) or by `--set KEY=VALUE`, which wins and
            takes no secrets. Where the gateway listens for HTTP and its UDP port are no settings but options of `serve`: `--http` and `--udp-port`. Every key begins with `registry`, or with `akka` where it is Akka's own, which nobody checks. An unknown key or a value that is out of range is an error that names it, its file and its line; `registry check-config` says so without starting anything. Durations are written `500ms`, `15s`, `5m`,
            `1h`, `1d`, always with the unit; sizes `64 KiB`, `1 MiB`; `on` and `off` are yes and no. A relative path counts from the folder that the gateway is started in, not from the file that names it.

            """.ReplaceLineEndings("\n"));
        foreach (var (file, title) in new[] { ("registry.conf", "The registry"), ("gateway.conf", "The gateway program"), ("cluster.conf", "Several gateways as one cluster") })
        {
            text.Append($"\n## {title}: [`{file}`](../hocon/{file})\n");
            var document = new ConfigurationDocument();
            document.Read(File.ReadAllLines(Path.Combine(hoconFolder, file)));
            foreach (var section in document.sections.Where(s => s.Settings.Count > 0 || s.Comment.Count > 0))
                Tell(section, text);
        }

        return text.ToString();
    }

    private void Read(string[] lines)
    {
        foreach (var line in lines.Select(l => l.Trim()))
        {
            if (line.StartsWith('#'))
            {
                comment.Add(line[1..]);
            }
            else if (line == "}")
            {
                path.RemoveAt(path.Count - 1);
            }
            else if (line.EndsWith('{'))
            {
                path.Add(line[..^1].Trim());
                sections.Add(new(string.Join('.', path), TakeComment(), []));
            }
            else if (line.Length == 0)
            {
                // What stands on its own at the beginning of a section is about all of it.
                if (comment.Count > 0 && path.Count > 0)
                    sections[^1].Comment.AddRange(TakeComment());
            }
            else
            {
                var end = line.IndexOfAny(['=', '{']);
                sections.Last(s => s.Path == string.Join('.', path)).Settings.Add(new(line[..end].Trim(), line[end] == '=' ? line[(end + 1)..].Trim() : line[end..], TakeComment()));
            }
        }
    }

    private List<string> TakeComment()
    {
        var taken = comment;
        comment = [];
        return taken;
    }

    private static void Tell(Section section, StringBuilder text)
    {
        text.Append($"\n### `{section.Path}`\n");
        if (section.Comment.Count > 0)
            text.Append('\n');
        Tell(section.Comment, "", text);
        if (section.Settings.Count > 0)
            text.Append('\n');
        foreach (var (key, value, meaning) in section.Settings)
        {
            text.Append($"- **`{key}`** = `{value}`").Append(meaning.Count > 0 ? "\\\n" : "\n");
            Tell(meaning, "  ", text);
        }
    }

    private static void Tell(List<string> meaning, string indent, StringBuilder text)
    {
        for (var i = 0; i < meaning.Count; i++)
        {
            var isSetIn = IsSetIn(meaning[i]);
            if (i > 0 && isSetIn != IsSetIn(meaning[i - 1]))
                text.Append('\n');
            text.Append(indent).Append(isSetIn ? "    " + meaning[i][3..] : Escape(meaning[i].Trim())).Append('\n');
        }
    }

    // A list or a table of its own, to be shown as it stands.
    private static bool IsSetIn(string line) => line.StartsWith("   ", StringComparison.Ordinal);

    private static string Escape(string line) => line.Replace("*", "\\*", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private sealed record Section(string Path, List<string> Comment, List<Setting> Settings);

    private sealed record Setting(string Key, string Value, List<string> Meaning);
}
