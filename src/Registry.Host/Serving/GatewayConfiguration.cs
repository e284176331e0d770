using System.Text.RegularExpressions;
using Akka.Configuration;
using Akka.Configuration.Hocon;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Host.Serving.Settings;
using Registry.Host.Serving.Stacks;
using Registry.Host.Telemetry;

namespace Registry.Host.Serving;

/// <summary>Reads the configuration: the files of <c>hocon</c> beside the program, then <c>--config</c>, then <c>--set</c>, then the other options; later ones win.</summary>
internal static class GatewayConfiguration
{
    private static readonly string[] Files = ["registry.conf", "cluster.conf", "gateway.conf"];

    /// <summary>Every setting there is, with its default.</summary>
    public static Config Default { get; } = RegistrySettings.Default.WithFallback(TubeRegistryClusterOptions.Default).WithFallback(SecuritySettings.Default);

    /// <summary>The keys of the settings that are not Akka's.</summary>
    public static IReadOnlySet<string> Keys { get; } = Values(Default.GetValue("registry"), "registry").Select(setting => setting.Key).ToHashSet(StringComparer.Ordinal);

    /// <summary>Whether a text stands in the files that the program comes with, in a comment or as a value.</summary>
    public static bool Says(string text)
    {
        var whole = new Regex($@"(?<![\w-]){Regex.Escape(text)}(?![\w-])", RegexOptions.CultureInvariant);
        return new[] { SettingReader.ReadText(typeof(SettingReader).Assembly, "registry.conf"), SettingReader.ReadText(typeof(SettingReader).Assembly, "cluster.conf"), SettingReader.ReadText(typeof(SecuritySettings).Assembly, "gateway.conf") }.Any(whole.IsMatch);
    }

    /// <summary>The configuration, all that is wrong with it, and where it comes from.</summary>
    /// <exception cref="CommandException">A file cannot be read or is not HOCON, so that nobody knows what it sets.</exception>
    public static (Config Config, IReadOnlyList<SettingFault> Faults, IReadOnlyList<SettingSource> Sources) Inspect(string? file, IReadOnlyList<string> assignments, Config? options = null)
    {
        // The directory of the program, not the working directory: the gateway is started from anywhere.
        var sources = Files.Select(name => Path.Combine(AppContext.BaseDirectory, "hocon", name)).Where(File.Exists).Select(path => SettingSource.File(path, isOwn: true)).ToList();
        if (file is not null)
            sources.Add(SettingSource.File(file));
        sources.AddRange(assignments.Select(SettingSource.Assignment));
        sources.Add(SettingSource.Options(options ?? Config.Empty));
        SettingFault[] faults = [.. sources.SelectMany(source => source.Faults), .. sources.SelectMany(Unknown)];
        if (!sources.TrueForAll(source => source.IsReadable))
            throw new SettingsException(SettingFault.InOrder(faults, sources));
        var config = sources.Aggregate(Config.Empty, (earlier, source) => source.Config.WithFallback(earlier));
        // What a value hides is told with that value, and what settings are together follows from each.
        var wrong = Wrong(config, sources).Where(fault => !Array.Exists(faults, told =>
            told.Key.Length > 0 && (fault.Key.StartsWith($"{told.Key}.", StringComparison.Ordinal) || told.Key.StartsWith($"{fault.Key}.", StringComparison.Ordinal))));
        return (config, SettingFault.InOrder([.. faults, .. wrong], sources), sources);
    }

    /// <summary>A configuration with the defaults of what is wrong with it, so that what else stands in it can be looked at.</summary>
    public static Config Without(IEnumerable<SettingFault> faults, Config config) =>
        faults.Where(fault => fault.Key.Length > 0).Aggregate(config, (left, fault) => DefaultOf(fault.Key).WithFallback(left));

    /// <summary>The text of a value, or the texts of a list.</summary>
    public static IEnumerable<string> Texts(HoconValue value) =>
        value.IsString() ? [value.GetString()]
        // An empty list is none to the parser.
        : value.IsArray() ? value.GetArray().SelectMany(Texts) : [];

    /// <summary>All keys of a configuration that have a value, and the values.</summary>
    public static IEnumerable<(string Key, HoconValue Value)> Values(Config config) => config.AsEnumerable().SelectMany(part => Values(part.Value, Part(part.Key)));

    /// <summary>The keys of a part of a configuration that have a value, and the values.</summary>
    public static IEnumerable<(string Key, HoconValue Value)> Values(HoconValue? value, string path)
    {
        if (value is null)
            return [];
        return value.IsObject()
            ? value.GetObject().Items.SelectMany(item => Values(item.Value, $"{path}.{Part(item.Key)}"))
            : [(path, value)];
    }

    // With its dots it is another key than the same without quotes.
    private static string Part(string key) => key.Contains('.', StringComparison.Ordinal) ? $"\"{key}\"" : key;

    private static IEnumerable<SettingFault> Unknown(SettingSource source)
    {
        // Akka's own are Akka's business.
        foreach (var (key, _) in Values(source.Config).Where(setting => !setting.Key.StartsWith("akka.", StringComparison.Ordinal) && !Keys.Contains(setting.Key)))
        {
            var option = OptionSettings.Of(key);
            var nearest = option is null ? NearestKey.Of(key, Keys) : null;
            var why = option is not null ? $"{key} is not a setting: that is the option {option}"
                : Keys.FirstOrDefault(each => each.StartsWith($"{key}.", StringComparison.Ordinal)) is { } within ? $"{key} is a section, not a setting: it holds settings such as {within}"
                : nearest is not null ? $"{key} is not a setting; the nearest is {nearest}"
                : key.StartsWith("registry.", StringComparison.Ordinal) ? $"{key} is not a setting"
                : $"{key} is not a setting: each begins with registry, or with akka where it is Akka's own";
            yield return new(key, $"{why}. docs/configuration.md has the settings and their defaults.")
            {
                Source = source.Name,
                Line = source.LineOf(key),
                Nearest = nearest,
            };
        }
    }

    // What is wrong is told and taken for its default, so that what stands behind it is reached too.
    private static IEnumerable<SettingFault> Wrong(Config config, IReadOnlyList<SettingSource> sources)
    {
        // The environment variable hides the setting, and when it is wrong itself must not hide the others.
        var variable = string.IsNullOrEmpty(Environment.GetEnvironmentVariable(RegistrySettings.MaxConcurrentCreatesVariable)) ? null : "1";
        Action<Config>[] sections = [part => CheckRegistry(RegistrySettings.From(part, variable)), _ => RegistrySettings.From(Config.Empty), part => TubeRegistryClusterOptions.From(part), part => SecuritySettings.From(part), part => AuditSettings.From(part), part => RequestLimits.From(part), part => TelemetrySettings.From(part)];
        foreach (var read in sections)
        {
            var left = config;
            HashSet<string> told = [];
            while (ErrorOf(read, left) is { } wrong)
            {
                var key = (wrong as SettingException)?.Key;
                if (key is not null && told.Contains(key))
                    break; // Not for its own value.
                // What settings are together follows from each.
                if (!told.Any(each => each.StartsWith($"{key}.", StringComparison.Ordinal)))
                    yield return Locate(wrong, config, sources);
                if (key is null)
                    break;
                told.Add(key);
                left = DefaultOf(key).WithFallback(left);
            }
        }
    }

    private static Config DefaultOf(string key) =>
        ConfigurationFactory.ParseString(string.Join('\n', Values(Default.GetValue(key), key).Select(setting => $"{setting.Key} = {Literal(setting.Value)}")));

    private static string Literal(HoconValue value)
    {
        var texts = Texts(value).Select(text => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"");
        return value.IsString() ? texts.Single() : $"[{string.Join(", ", texts)}]";
    }

    private static ConfigurationException? ErrorOf(Action<Config> read, Config config)
    {
        try
        {
            read(config);
            return null;
        }
        catch (ConfigurationException e)
        {
            return e;
        }
    }

    private static void CheckRegistry(RegistrySettings settings)
    {
        settings.ApplyTo(new());
        WebRtcStacks.Check(settings);
    }

    private static SettingFault Locate(ConfigurationException wrong, Config config, IReadOnlyList<SettingSource> sources)
    {
        if (wrong is not SettingException { Key: var key })
            return new("", wrong.Message);
        var isText = Default.GetValue(key)?.IsString() == true;
        var found = config.GetValue(key) switch
        {
            { } value when isText && value.IsArray() => " It is a list.",
            { } value when isText && value.IsObject() && Values(value, key).Any() => " It has settings within it.",
            { } value when value.IsString() && !SecretSettings.IsSecret(key, value.GetString()) && !wrong.Message.Contains(SettingReader.Quoted(value.GetString()), StringComparison.Ordinal) => $" It is {SettingReader.Quoted(value.GetString())}.",
            _ => "",
        };
        return new SettingFault(key, SecretSettings.Hide(wrong.Message + found)).In(sources);
    }
}
