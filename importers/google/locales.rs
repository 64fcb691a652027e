//! Gmail's own labels in the languages of its users, as a Takeout writes them.
//!
//! Seen in exports: English, German, parts of French, Spanish, Catalan, Czech and Norwegian (2019-2025); the rest
//! follows Gmail's public user interface. An unknown spelling loses nothing: it stays a label of the user's.

use exodus_api::Role;

/// Gmail's own labels in one language.
pub struct Locale {
    /// ISO 639-1 code, with the region where the language alone does not tell.
    pub language: &'static str,
    /// What each label means; several spellings are parted by `|`.
    labels: &'static [(Role, &'static str)],
    /// How the names of categories begin.
    pub category: &'static str,
}

impl Locale {
    /// The spellings with their meanings.
    pub fn spellings(&self) -> impl Iterator<Item = (Role, &'static str)> {
        self.labels.iter().flat_map(|(role, names)| names.split('|').map(move |name| (*role, name)))
    }
}

macro_rules! locale {
    ($language:literal, $category:literal, $inbox:literal, $sent:literal, $drafts:literal, $junk:literal, $trash:literal,
     $flagged:literal, $important:literal, $unread:literal, $seen:literal, $archive:literal, $chats:literal) => {
        Locale {
            language: $language,
            category: $category,
            labels: &[
                (Role::Inbox, $inbox),
                (Role::Sent, $sent),
                (Role::Drafts, $drafts),
                (Role::Junk, $junk),
                (Role::Trash, $trash),
                (Role::Flagged, $flagged),
                (Role::Important, $important),
                (Role::Unread, $unread),
                (Role::Seen, $seen),
                (Role::Archive, $archive),
                (Role::Chats, $chats),
            ],
        }
    };
}

/// The languages, English first: it is what an export without evidence is taken for.
#[rustfmt::skip]
pub static LOCALES: &[Locale] = &[
    locale!("en", "Category", "Inbox", "Sent|Sent Mail", "Draft|Drafts", "Spam", "Trash|Bin",
        "Starred", "Important", "Unread", "Opened", "Archived", "Chat|Chats"),
    locale!("de", "Kategorie", "Posteingang", "Gesendet", "Entwürfe|Entwurf", "Spam", "Papierkorb",
        "Markiert", "Wichtig", "Ungelesen", "Geöffnet", "Archiviert", "Chat|Chats"),
    locale!("fr", "Catégorie", "Boîte de réception", "Messages envoyés|Envoyés", "Brouillons|Brouillon", "Spam",
        "Corbeille", "Favoris|Suivis|Messages suivis", "Important|Importants", "Non lus|Non lu", "Ouvert|Ouverts",
        "Messages archivés|Archivés|Archivé", "Chat|Chats"),
    locale!("es", "Categoría", "Recibidos|Bandeja de entrada", "Enviados|Enviado", "Borradores|Borrador", "Spam",
        "Papelera", "Destacados|Destacado", "Importante|Importantes", "No leídos|No leído", "Abierto|Abiertos",
        "Archivado|Archivados", "Chat|Chats"),
    locale!("pt", "Categoria", "Caixa de entrada", "Enviados|Enviado|E-mails enviados", "Rascunhos|Rascunho", "Spam",
        "Lixeira|Lixo|Reciclagem", "Com estrela", "Importante|Importantes", "Não lida|Não lidas|Não lido|Não lidos",
        "Aberto|Aberta|Abertos", "Arquivado|Arquivada|Arquivados", "Chat|Chats|Bate-papo"),
    locale!("it", "Categoria", "Posta in arrivo", "Inviata|Inviati|Posta inviata", "Bozze|Bozza", "Spam", "Cestino",
        "Speciali|Speciale", "Importanti|Importante", "Da leggere|Non letti|Non letto", "Aperto|Aperti|Aperta",
        "Archiviati|Archiviato|Archiviata", "Chat"),
    locale!("nl", "Categorie", "Postvak IN|Inbox", "Verzonden", "Concepten|Concept", "Spam", "Prullenbak",
        "Met ster", "Belangrijk", "Ongelezen", "Geopend", "Gearchiveerd", "Chat|Chats"),
    locale!("ca", "Categoria", "Safata d'entrada", "Enviats|Enviat", "Esborranys|Esborrany", "Correu brossa|Brossa",
        "Paperera", "Destacats|Destacat", "Importants|Important", "No llegits|No llegit", "Oberts|Obert",
        "Arxivats|Arxivat", "Xat|Xats"),
    locale!("pl", "Kategoria", "Odebrane|Skrzynka odbiorcza", "Wysłane", "Wersje robocze|Wersja robocza|Szkice", "Spam",
        "Kosz", "Oznaczone gwiazdką|Z gwiazdką", "Ważne", "Nieprzeczytane", "Otwarte|Otwarto",
        "Zarchiwizowane|Zarchiwizowano", "Czat|Czaty"),
    locale!("cs", "Kategorie", "Doručená pošta|Doručené", "Odeslaná pošta|Odeslané|Odesláno", "Koncepty|Koncept", "Spam",
        "Koš", "S hvězdičkou", "Důležité", "Nepřečtené|Nepřečteno", "Otevřené|Otevřeno", "Archivováno|Archivované",
        "Chat|Chaty"),
    locale!("ja", "カテゴリ", "受信トレイ", "送信済み|送信済みメール", "下書き", "迷惑メール", "ゴミ箱",
        "スター付き", "重要", "未読", "開封済み|既読", "アーカイブ済み|アーカイブ", "チャット"),
    locale!("ko", "카테고리", "받은편지함", "보낸편지함", "임시보관함", "스팸함|스팸", "휴지통",
        "별표편지함|별표", "중요편지함|중요", "읽지 않음|안읽음", "열림|읽음|열어 봄", "보관됨|보관처리됨", "채팅"),
    locale!("ru", "Категория", "Входящие", "Отправленные", "Черновики|Черновик", "Спам", "Корзина",
        "Помеченные", "Важное|Важные", "Непрочитанные", "Открытые|Открыто|Прочитанные",
        "Архивированные|В архиве|Архив", "Чат|Чаты"),
    locale!("sv", "Kategori", "Inkorg|Inkorgen", "Skickat|Skickade", "Utkast", "Skräppost|Spam",
        "Papperskorg|Papperskorgen", "Stjärnmärkt|Stjärnmärkta", "Viktigt|Viktiga", "Oläst|Olästa",
        "Öppnat|Öppnad|Öppnade", "Arkiverat|Arkiverad|Arkiverade", "Chatt|Chattar"),
    locale!("da", "Kategori", "Indbakke", "Sendt|Sendte|Sendte mails", "Kladder|Kladde|Udkast", "Spam", "Papirkurv",
        "Stjernemarkeret|Stjernemarkerede", "Vigtigt|Vigtig|Vigtige", "Ulæst|Ulæste", "Åbnet|Åbnede", "Arkiveret",
        "Chat|Chats"),
    locale!("nb", "Kategori", "Innboks", "Sendt|Sendte", "Utkast", "Søppelpost|Spam", "Papirkurv|Søppel",
        "Stjernemerket|Stjernemerkede", "Viktig|Viktige", "Ulest|Uleste", "Åpnet", "Arkivert", "Chat|Nettprat"),
    locale!("tr", "Kategori", "Gelen Kutusu", "Gönderilmiş Postalar|Gönderilenler|Gönderildi", "Taslaklar|Taslak", "Spam",
        "Çöp Kutusu", "Yıldızlı", "Önemli", "Okunmamış|Okunmadı", "Açıldı|Açılmış", "Arşivlendi|Arşivlenmiş", "Sohbet"),
    locale!("fi", "Luokka", "Saapuneet|Postilaatikko", "Lähetetyt", "Luonnokset|Luonnos", "Roskaposti", "Roskakori",
        "Tähdellä merkityt", "Tärkeät|Tärkeä", "Lukemattomat|Lukematon", "Avattu|Avatut", "Arkistoitu|Arkistoidut", "Chat"),
    locale!("hu", "Kategória", "Beérkező levelek|Beérkezett üzenetek", "Elküldött|Elküldött levelek",
        "Piszkozatok|Piszkozat", "Spam", "Kuka", "Csillagozott", "Fontos", "Olvasatlan", "Megnyitva|Megnyitott",
        "Archivált|Archiválva", "Csevegés|Csevegések"),
    locale!("uk", "Категорія", "Вхідні", "Надіслані", "Чернетки|Чернетка", "Спам", "Кошик", "Із зірочкою",
        "Важливі|Важливо", "Непрочитані", "Відкриті|Відкрито", "Архівовані|Заархівовано", "Чат|Чати"),
    locale!("zh-CN", "类别", "收件箱", "已发送|已发邮件", "草稿", "垃圾邮件", "已删除邮件|回收站",
        "已加星标", "重要|重要邮件", "未读", "已打开|已读", "已归档", "聊天"),
    locale!("zh-TW", "類別", "收件匣", "寄件備份", "草稿", "垃圾郵件", "垃圾桶",
        "已加星號", "重要|重要郵件", "未讀", "已開啟|已讀", "已封存", "即時通訊"),
];

/// Names that Gmail reserves in every language: no user can have made such a label.
pub static RESERVED: &[(Role, &str)] = &[
    (Role::Inbox, "inbox"),
    (Role::Sent, "sent"),
    (Role::Drafts, "draft"),
    (Role::Junk, "spam"),
    (Role::Trash, "trash"),
    (Role::Flagged, "starred"),
    (Role::Important, "important"),
    (Role::Unread, "unread"),
    (Role::Chats, "chat"),
    // Google Vault's spellings.
    (Role::Inbox, "^inbox"),
    (Role::Sent, "^sent"),
    (Role::Drafts, "^draft"),
    (Role::Junk, "^spam"),
    (Role::Trash, "^trash"),
    (Role::Trash, "^deleted"),
    (Role::Flagged, "^starred"),
    (Role::Important, "^important"),
    (Role::Unread, "^unread"),
    (Role::Seen, "^opened"),
    (Role::Archive, "^archived"),
];
