using System.Globalization;
using System.Net;
using System.Reflection;
using Akka.Configuration;
using Registry.Messages;

namespace Registry.Actors;

/// <summary>Reads and checks the section <c>registry</c>. Errors name the key.</summary>
internal sealed class SettingReader(Config config)
{
    private const int MostQuoted = 80;

    private static readonly (string Thousand, string Binary)[] sizeUnits = [("kB", "KiB"), ("MB", "MiB"), ("GB", "GiB")];

    /// <summary>The settings of a file that comes with this assembly.</summary>
    public static Config ReadDefault(string file) => ConfigurationFactory.ParseString(ReadText(typeof(SettingReader).Assembly, file));

    /// <summary>The text of a file that comes with an assembly.</summary>
    public static string ReadText(Assembly assembly, string file)
    {
        using var stream = assembly.GetManifestResourceStream(file)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    public string? TextOrOff(string key) => Text(key, "off, or a text") is var text and not ("off" or "false" or "") ? text : null;

    private string Text(string key, string expected)
    {
        var path = $"registry.{key}";
        var text = config.GetValue(path) is { } value && value.IsString() ? value.GetString() : throw Wrong(path, expected, null);
        // No name, path or secret has one, and what takes a path takes it for a fault of the program.
        return text.Contains('\0', StringComparison.Ordinal) ? throw Wrong(path, $"{expected}, without a NUL", null) : text;
    }

    public int Integer(string key, int least, int most = int.MaxValue) =>
        Read(key, $"a whole number from {least} to {most}", path => ParseInteger(config.GetString(path), least, most));

    public int? IntegerOrOff(string key, int least, int most) =>
        TextOrOff(key) is null ? null : Read(key, $"off, or a whole number from {least} to {most}", path => ParseInteger(config.GetString(path), least, most));

    public static int? ParseInteger(string text, int least, int most) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? value : null;

    public TimeSpan Duration(string key, string expected = "a positive duration such as 15s, at most 366d") =>
        Read(key, expected, path =>
            // Akka takes a number without a unit for milliseconds.
            config.GetString(path) is var text && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number > 0 ? throw Wrong(path, $"{expected}: write a unit, such as {text}s", null)
            : config.GetTimeSpan(path, null, allowInfinite: false) is var value && value > TimeSpan.Zero && value <= CreateTube.LongestLife ? value : (TimeSpan?)null,
            _ => ": one number and one of the units ms, s, m, h and d");

    public TimeSpan? DurationOrOff(string key) =>
        TextOrOff(key) is null ? null : Duration(key, "off, or a positive duration such as 30m, at most 366d");

    public Uri? Url(string key)
    {
        if (TextOrOff(key) is not { } text)
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
            ? url
            : throw Wrong($"registry.{key}", "off, or an http or https URL", null);
    }

    public DnsEndPoint? AddressOrOff(string key)
    {
        if (TextOrOff(key) is not { } text)
            return null;
        var colon = text.LastIndexOf(':');
        var host = colon <= 0 ? "" : text is ['[', ..] && text[colon - 1] == ']' ? text[1..(colon - 1)] : text[..colon];
        var isIPv6 = host.Contains(':', StringComparison.Ordinal);
        return Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6 && isIPv6 == (text[0] == '[') && ParseInteger(text[(colon + 1)..], 1, IPEndPoint.MaxPort) is { } port
            ? new(host, port)
            : throw Wrong($"registry.{key}", "off, or an address such as 127.0.0.1:4822, [::1]:4822 or guacd.internal:4822", null);
    }

    public int Bytes(string key, int least, string orElse = "") =>
        Read(key, $"{orElse}a size such as 1 MiB, at least {least} bytes", path =>
            config.GetByteSize(path, null) is { } value && value >= least && value <= int.MaxValue ? (int)value : (int?)null, SizeUnits);

    // HOCON's units are written in one way only, and a thousand and 1024 are different ones.
    private static string SizeUnits(string text)
    {
        var unit = text.TrimStart("0123456789. ".ToCharArray());
        var (thousand, binary) = Array.Find(sizeUnits, pair => unit.Equals(pair.Thousand, StringComparison.OrdinalIgnoreCase) || unit.Equals(pair.Binary, StringComparison.OrdinalIgnoreCase));
        return thousand is not null && unit != thousand && unit != binary ? $": {unit} is no unit, write {thousand} (powers of 1000) or {binary} (powers of 1024)"
            : ": a whole number and one of the units kB, MB, GB (powers of 1000), KiB, MiB and GiB (powers of 1024)";
    }

    public int? BytesOrOff(string key, int least) => TextOrOff(key) is null ? null : Bytes(key, least, "off, or ");

    public bool Boolean(string key) => Read(key, "on or off", path => (bool?)config.GetBoolean(path));

    public T Choice<T>(string key, params (string Text, T Value)[] choices) where T : struct =>
        Read(key, string.Join(" or ", choices.Select(choice => choice.Text)), path =>
            choices.Where(choice => choice.Text == config.GetString(path)).Select(choice => (T?)choice.Value).FirstOrDefault());

    public IReadOnlyList<string> Texts(string key)
    {
        var path = $"registry.{key}";
        try
        {
            // An empty list is none of the three to the parser, and a text a list of nothing.
            return config.GetValue(path) is { } value && (value.IsArray() || !value.IsString() && !value.IsObject()) ? [.. config.GetStringList(path)] : throw Wrong(path, "a list of texts", null);
        }
        catch (Exception e) when (e is not (ConfigurationException or OutOfMemoryException))
        {
            throw Wrong(path, "a list of texts", e);
        }
    }

    // How a text is written that cannot be read at all is said with it.
    private T Read<T>(string key, string expected, Func<string, T?> read, Func<string, string>? form = null) where T : struct
    {
        var path = $"registry.{key}";
        try
        {
            return read(path) ?? throw Wrong(path, expected, null);
        }
        catch (FormatException e) when (form is not null && config.GetValue(path) is { } value && value.IsString())
        {
            throw Wrong(path, $"{expected}{form(value.GetString())}", e);
        }
        catch (Exception e) when (e is not (ConfigurationException or OutOfMemoryException))
        {
            throw Wrong(path, expected, e);
        }
    }

    /// <summary>A value as messages quote it: in one line, without what stands before an @, which may be a name and password, and cut where it is long.</summary>
    public static string Quoted(string text)
    {
        var shown = text.LastIndexOf('@') is var at and >= 0 ? $"…{text[at..]}" : text; // before it is cut: then nobody would see the @
        return $"'{(shown.Length > MostQuoted ? $"{shown[..MostQuoted]}…" : shown).ReplaceLineEndings(" ")}'";
    }

    public static SettingException Wrong(string path, string expected, Exception? cause) => new(path, $"{path} must be {expected}.", cause);
}

/// <summary>A setting is of no use.</summary>
/// <param name="key">Its whole key.</param>
/// <param name="message">What it must be, naming the key.</param>
/// <param name="cause">What said so; null for nothing.</param>
internal sealed class SettingException(string key, string message, Exception? cause) : ConfigurationException(message, cause)
{
    public string Key { get; } = key;
}
